/** What `${NAME}` stands for; undefined when there is no such variable. */
export type Variables = (name: string) => string | undefined

export interface Expanded {
  text: string
  /** What was filled in. */
  filled: { name: string; value: string }[]
  /** Names without a value. */
  missing: string[]
}

const REFERENCE = /\$(\$(?=\{))|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/**
 * Fills in `${NAME}` and `${NAME:-value when it is not set or empty}`, as other MCP clients do. `$${NAME}` stays as
 * the text `${NAME}`; any other dollar is a dollar. What is filled in is not looked through again.
 */
export function expandVariables(text: string, variables: Variables): Expanded {
  const filled: Expanded['filled'] = []
  const missing: string[] = []
  const result = text.replace(REFERENCE, (_whole, escaped?: string, name?: string, otherwise?: string) => {
    if (escaped !== undefined || name === undefined) return '$'
    const value = variables(name)
    if (value !== undefined && value !== '') {
      filled.push({ name, value })
      return value
    }
    if (otherwise !== undefined) return otherwise
    missing.push(name)
    return ''
  })
  return { text: result, filled, missing }
}
