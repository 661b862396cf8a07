import { isChinese, quote } from './language.ts'

const ASKS_WHAT_WAS_SAID =
  /\bwhat (?:did|have) I (?:just )?(?:say|said|ask|asked|tell|told)|我(?:之前|刚才|刚刚|上次|前面)?(?:说|问)(?:过|了)?(?:些)?什么/i
const ASKS_FACT =
  /\bwhat(?:'s| is|’s) my ([a-z][a-z ]{0,39}?)\s*\?|我的([^\s，。？?]{1,20}?)(?:是什么|是谁|是多少)|我(叫)什么/i

function statedFact(subject: string, history: readonly string[]): string | undefined {
  const escaped = subject.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const english = new RegExp(`\\bmy ${escaped} is ([^.!?\\n]{1,100})`, 'i')
  const chinese = new RegExp(
    subject === '叫' || subject === '名字'
      ? '我(?:叫|的名字是)([^\\s，。！？,.!?]{1,50})'
      : `我的${escaped}是([^，。！？,.!?\\n]{1,100})`
  )
  for (const message of history.toReversed()) {
    const stated = english.exec(message) ?? chinese.exec(message)
    if (stated !== null && !/^什么/.test(stated[1]!)) return stated[1]!.trim()
  }
  return undefined
}

/**
 * Answers questions about the conversation itself, from nothing but the earlier messages of the request: what
 * the user said, or a fact that the user stated as "my ... is ...". Undefined for every other question.
 * @param history the user's earlier messages, oldest first
 */
export function recall(question: string, history: readonly string[]): string | undefined {
  const chinese = isChinese(question)
  const fact = ASKS_FACT.exec(question)
  if (fact !== null) {
    const subject = (fact[1] ?? fact[2] ?? fact[3]!).trim()
    const value = statedFact(subject, history)
    if (chinese) {
      const name = subject === '叫' ? '名字' : subject
      return value === undefined ? `你还没有告诉我你的${name}。` : `你的${name}是${value}。`
    }
    return value === undefined ? `You have not told me your ${subject} yet.` : `Your ${subject} is ${value}.`
  }
  if (!ASKS_WHAT_WAS_SAID.test(question)) return undefined
  const last = history.at(-1)
  if (chinese) return last === undefined ? '在此之前你还没有说过话。' : `你之前说的是：“${quote(last)}”。`
  return last === undefined ? 'You have not said anything before this.' : `Before this you said: "${quote(last)}".`
}
