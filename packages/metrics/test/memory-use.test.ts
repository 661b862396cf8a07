import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { readMemoryUse } from '../src/index.ts'

const MIB = 1024 ** 2

const CASES: [name: string, files: Record<string, string>, expected: { used: number; limit: number } | undefined][] = [
  ['no control groups at all: nothing is known', {}, undefined],
  [
    'a group without a limit does not limit',
    {
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/memory.max': 'max\n',
      'sys/fs/cgroup/memory.current': `${900 * MIB}\n`
    },
    undefined
  ],
  [
    'version 2: pages of files that can be dropped do not count',
    {
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/memory.max': `${512 * MIB}\n`,
      'sys/fs/cgroup/memory.current': `${500 * MIB}\n`,
      'sys/fs/cgroup/memory.stat': `anon 1\ninactive_file ${300 * MIB}\nactive_file 7\n`
    },
    { used: 200, limit: 512 }
  ],
  [
    'of nested groups the one nearest to its limit counts',
    {
      'proc/self/cgroup': '0::/semibot.slice/runtime.service\n',
      'sys/fs/cgroup/semibot.slice/memory.max': `${1000 * MIB}\n`,
      'sys/fs/cgroup/semibot.slice/memory.current': `${900 * MIB}\n`,
      'sys/fs/cgroup/semibot.slice/runtime.service/memory.max': `${400 * MIB}\n`,
      'sys/fs/cgroup/semibot.slice/runtime.service/memory.current': `${100 * MIB}\n`
    },
    { used: 900, limit: 1000 }
  ],
  [
    'version 1',
    {
      'proc/self/cgroup': '4:memory:/box\n1:cpu:/box\n',
      'sys/fs/cgroup/memory/box/memory.limit_in_bytes': `${256 * MIB}\n`,
      'sys/fs/cgroup/memory/box/memory.usage_in_bytes': `${250 * MIB}\n`,
      'sys/fs/cgroup/memory/box/memory.stat': `inactive_file 5\ntotal_inactive_file ${10 * MIB}\n`,
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/memory.usage_in_bytes': `${9000 * MIB}\n`
    },
    { used: 240, limit: 256 }
  ]
]

for (const [name, files, expected] of CASES) {
  t.test(name, async (t) => {
    const root = t.testdir()
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    const bytes = expected && { usedBytes: expected.used * MIB, limitBytes: expected.limit * MIB }
    t.same(readMemoryUse(root), bytes)
  })
}

t.test('here it is either known and sensible, or unknown', async (t) => {
  const use = readMemoryUse()
  t.ok(use === undefined || (use.usedBytes >= 0 && use.limitBytes > 0), JSON.stringify(use))
})
