import { API_GROUPS, type ApiEnv, loadEnv } from '@semibot/config'

/** Secret of the HS256 tokens that test apps accept. */
export const JWT_SECRET = 'a test secret of at least thirty-two bytes'

/** ADMIN_TOKEN of test apps. */
export const ADMIN_TOKEN = 'admin-token-of-the-tests-0123456789'

/** A checked environment that owes nothing to the one of this process. */
export function testEnv(environment: Record<string, string> = {}): ApiEnv {
  const defaults = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    ADMIN_TOKEN,
    JWT_HS256_SECRET: JWT_SECRET,
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    LLM_BASE_URL: 'http://127.0.0.1:1/v1'
  }
  return loadEnv(API_GROUPS, { environment: { ...defaults, ...environment }, readFile: () => undefined }).values
}
