import type { Figure, FigureContext, Scenario } from '../figure.ts'
import { detection } from './kill.ts'
import { strikeUnderLoad } from './strike.ts'

/** How fast a dead runtime is noticed with little traffic. */
export const tripScenario: Scenario = {
  name: 'trip',
  about: 'hard fault to fallback, with less traffic',
  async run(context: FigureContext) {
    const figures: Figure[] = []
    for (const rate of context.quick ? [40] : [100, 40, 10]) {
      const slower = Math.min(rate, context.rate)
      const strike = await strikeUnderLoad(context, { signal: 'SIGKILL', rate: slower, chats: slower * 3 })
      await strike.api.stop()
      await strike.runtime.stop()
      figures.push({ ...detection(strike, `${slower} chats/s`), findings: strike.findings })
      if (strike.findings.some((finding) => !finding.ok)) figures[figures.length - 1]!.ok = false
    }
    return figures
  }
}
