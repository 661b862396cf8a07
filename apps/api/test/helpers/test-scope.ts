/** What the helpers need of a tap test: a place to hang the cleaning up on. */
export interface TestScope {
  teardown(cleanUp: () => unknown): void
}
