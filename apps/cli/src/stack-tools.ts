import { CliError } from './failure.ts'

/** What starts and stops processes, see packages/stack. */
export type StackTools = typeof import('@semibot/stack')

/** Only a clone has it: an image runs one service, and nothing there may be killed for a demonstration. */
export async function stackTools(): Promise<StackTools> {
  try {
    return await import('@semibot/stack')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new CliError('this needs a clone of the repository')
  }
}
