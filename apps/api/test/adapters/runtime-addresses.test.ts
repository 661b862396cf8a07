import t from 'tap'
import { expandInstances } from '../../src/adapters/runtime-addresses.ts'

const names: Record<string, string[]> = {
  many: ['10.0.0.2', '10.0.0.1', 'fd00::1'],
  one: ['10.0.0.9']
}
const resolve = async (host: string) => {
  const found = names[host]
  if (found === undefined) throw new Error(`ENOTFOUND ${host}`)
  return [...found]
}

t.test('a URL stands for as many instances as its name has addresses', async (t) => {
  const rows: [string, string[], string[]][] = [
    ['a list', ['http://one:8000', 'http://127.0.0.1:8001'], ['http://one:8000', 'http://127.0.0.1:8001']],
    [
      'a name with several addresses',
      ['http://many:8000'],
      ['http://10.0.0.1:8000', 'http://10.0.0.2:8000', 'http://[fd00::1]:8000']
    ],
    ['without a port', ['https://many'], ['https://10.0.0.1', 'https://10.0.0.2', 'https://[fd00::1]']],
    ['a name that nobody knows', ['http://gone:8000'], ['http://gone:8000']],
    ['this machine', ['http://localhost:8000', 'http://[::1]:8000'], ['http://localhost:8000', 'http://[::1]:8000']],
    ['the same twice', ['http://one:8000', 'http://one:8000'], ['http://one:8000']]
  ]
  for (const [name, urls, expected] of rows) t.same(await expandInstances(urls, resolve), expected, name)
})

t.test('of each address it is told by which name it was found: certificates are for names', async (t) => {
  const told: Record<string, string> = {}
  await expandInstances(['https://many:8000', 'https://one:8000'], resolve, (address, name) => {
    told[address] = name
  })
  t.same(told, { '10.0.0.1': 'many', '10.0.0.2': 'many', 'fd00::1': 'many' })
})

t.test('the order of the answer does not change the list', async (t) => {
  const shuffled = async () => ['10.0.0.3', '10.0.0.1', '10.0.0.2']
  const sorted = async () => ['10.0.0.1', '10.0.0.2', '10.0.0.3']
  t.same(await expandInstances(['http://x:1'], shuffled), await expandInstances(['http://x:1'], sorted))
})
