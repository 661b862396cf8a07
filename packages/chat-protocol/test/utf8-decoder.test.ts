import fc from 'fast-check'
import t from 'tap'
import { InvalidUtf8Error, Utf8Decoder } from '../src/utf8-decoder.ts'

/** What the standard decoder makes of the same bytes; undefined for bytes that are not UTF-8. */
function reference(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function decode(pieces: readonly Uint8Array[]): string | undefined {
  const decoder = new Utf8Decoder()
  try {
    const text = pieces.map((piece) => decoder.decode(Buffer.from(piece))).join('')
    decoder.end()
    return text
  } catch (error) {
    if (error instanceof InvalidUtf8Error) return undefined
    throw error
  }
}

t.test('text in any pieces comes out as it was', async (t) => {
  const cut = fc.tuple(fc.string({ unit: 'binary' }), fc.array(fc.nat(200), { maxLength: 8 }))
  fc.assert(
    fc.property(cut, ([text, places]) => {
      const bytes = Buffer.from(text)
      const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
      const pieces = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
      return decode(pieces) === reference(bytes)
    }),
    { numRuns: 2000 }
  )
  t.pass()
})

t.test('any bytes in any two pieces are judged as the standard decoder judges them', async (t) => {
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0x41, 0xc3, 0xa9, 0xe4, 0xbd, 0xa0, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xf4)
  )
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 8 }), fc.nat(8), (bytes, place) => {
      const all = Uint8Array.from(bytes)
      const at = Math.min(place, all.length)
      return decode([all.subarray(0, at), all.subarray(at)]) === reference(all)
    }),
    { numRuns: 5000 }
  )
  t.pass()
})

t.test('what is kept of a piece does not change with the buffer that it came in', async (t) => {
  const decoder = new Utf8Decoder()
  const piece = Buffer.from('你').subarray(0, 2)
  t.equal(decoder.decode(piece), '')
  piece.fill(0)
  t.equal(decoder.decode(Buffer.from('你').subarray(2)), '你')
})
