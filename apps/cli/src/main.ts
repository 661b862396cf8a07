import { runCli } from './run-cli.ts'

// A reader that went away (`semibot orgs list | head -1`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  directory: process.cwd(),
  print: (text) => process.stdout.write(text),
  note: (text) => process.stderr.write(text)
})
