import type { Server } from '@semibot/service-kit'
import { bearer } from './bearer.ts'
import { ADMIN_TOKEN } from './test-env.ts'

/** Whatever came; the tests look into it. */
type Json = ReturnType<typeof JSON.parse>

export interface OperatorAnswer {
  status: number
  body: { success: boolean; message?: string; data: Json; meta?: Json; error: { code: string; message: string } }
}

/** Calls of the operator; `path` is under /api/v1/runtime. */
export function operatorOf(app: Server) {
  const call = async (
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    headers: Record<string, string> = {}
  ): Promise<OperatorAnswer> => {
    const answer = await app.inject({
      method,
      url: `/api/v1/runtime${path}`,
      headers: { ...bearer(ADMIN_TOKEN), ...headers },
      ...(body === undefined ? {} : { payload: body })
    })
    return { status: answer.statusCode, body: answer.json() }
  }
  return {
    call,
    get: async (path: string) => (await call('GET', path)).body.data,
    post: async (path: string, body?: object) => (await call('POST', path, body)).body.data,
    status: async () => (await call('GET', '/fallback/status')).body.data
  }
}
