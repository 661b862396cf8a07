import { noCounts } from '../rolling-window.ts'
import type { Change, Message } from '../state/exchange.ts'
import type { FallbackRecord } from '../state/record.ts'

/** What differs between the messages of a replica to itself. */
type SoleNews = Omit<Message, 'replica' | 'attempt' | 'part' | 'counts' | 'known' | 'leaving'>

/** A message of a replica that decides alone, to its own keeper. Its window holds the counts already. */
export function soleMessage(replica: string, number: number, known: FallbackRecord, news: SoleNews): Message {
  return { ...news, replica, attempt: number, part: number, counts: noCounts(), known, leaving: false }
}

/** A change that another replica has made; its evidence stayed there. */
export function learnedChange(before: FallbackRecord, record: FallbackRecord): Change {
  return { from: before.state, record, actor: '', counts: noCounts(), votes: 0, live: 0, results: 0, failures: 0 }
}
