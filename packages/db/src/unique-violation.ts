import pg from 'pg'
import { AlreadyExistsError } from './errors.ts'

/** Runs an insert; a violation of one of these unique constraints becomes AlreadyExistsError. */
export async function namingDuplicates<T>(
  constraints: Record<string, { field: string; value: string }>,
  insert: () => Promise<T>
): Promise<T> {
  try {
    return await insert()
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '23505' && error.constraint !== undefined) {
      const duplicate = constraints[error.constraint]
      if (duplicate) throw new AlreadyExistsError(duplicate.field, duplicate.value, { cause: error })
    }
    throw error
  }
}
