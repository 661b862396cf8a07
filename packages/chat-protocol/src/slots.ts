/**
 * A set of what lives for the length of a request. Each value has a place, by which it is taken out again.
 *
 * In place of a `Set`: V8 keeps the hash tables that a Map or Set has outgrown, with all that was in them, through
 * its frequent collections of young objects. With values that come and go by the thousand it then copies nearly
 * everything that requests leave behind, twice, into the old generation (docs/decisions/0015).
 */
export class Slots<Value extends {}> {
  readonly #values: (Value | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#values.length - this.#free.length
  }

  /** Puts the value in and gives its place. */
  add(value: Value): number {
    const place = this.#free.pop()
    if (place === undefined) return this.#values.push(value) - 1
    this.#values[place] = value
    return place
  }

  at(place: number): Value | undefined {
    return this.#values[place]
  }

  /** Takes out what is at the place. Only once: the place is given to another value then. */
  delete(place: number): void {
    this.#values[place] = undefined
    this.#free.push(place)
  }

  /** In no particular order. What is put in meanwhile may be among them. */
  *[Symbol.iterator](): Iterator<Value> {
    for (const value of this.#values) if (value !== undefined) yield value
  }
}

/** A map by id of what lives for the length of a request: its hash table holds ids and places, see {@link Slots}. */
export class SlotMap<Value extends {}> {
  readonly #places = new Map<string, number>()
  readonly #slots = new Slots<Value>()

  get size(): number {
    return this.#places.size
  }

  get(id: string): Value | undefined {
    const place = this.#places.get(id)
    return place === undefined ? undefined : this.#slots.at(place)
  }

  has(id: string): boolean {
    return this.#places.has(id)
  }

  set(id: string, value: Value): void {
    this.delete(id)
    this.#places.set(id, this.#slots.add(value))
  }

  /** False: there was nothing under this id. */
  delete(id: string): boolean {
    const place = this.#places.get(id)
    if (place === undefined) return false
    this.#slots.delete(place)
    return this.#places.delete(id)
  }

  /** In no particular order. */
  values(): Iterable<Value> {
    return this.#slots
  }
}
