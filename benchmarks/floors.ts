/**
 * The floors: bare Maps that do the least that could work for a presence list on one node. No replication, no
 * copy of the meta, no validation, no diff, one entry per topic and key. What the tracker takes beyond them is
 * the price of all that.
 */

/** What the floor keeps per entry. */
export class BareEntry<Meta> {
  readonly clock: number;
  readonly topic: string;
  readonly session: object;
  readonly key: string;
  readonly meta: Meta;

  constructor(clock: number, topic: string, session: object, key: string, meta: Meta) {
    this.clock = clock;
    this.topic = topic;
    this.session = session;
    this.key = key;
    this.meta = meta;
  }
}

/** An object and three Map inserts per entry: by clock, by topic and key, by session. */
export class BareTable<Meta> {
  readonly byClock = new Map<number, BareEntry<Meta>>();
  readonly byTopic = new Map<string, Map<string, BareEntry<Meta>>>();
  readonly bySession = new Map<object, BareEntry<Meta>>();
  #clock = 0;

  add(topic: string, session: object, key: string, meta: Meta): void {
    const entry = new BareEntry(++this.#clock, topic, session, key, meta);
    let byKey = this.byTopic.get(topic);
    if (byKey === undefined) this.byTopic.set(topic, (byKey = new Map()));
    this.byClock.set(entry.clock, entry);
    byKey.set(key, entry);
    this.bySession.set(session, entry);
  }

  /** A new object in the place of the old, under a new clock. */
  update(session: object, meta: Meta): void {
    const old = this.bySession.get(session);
    if (old === undefined) return;
    this.byClock.delete(old.clock);
    this.add(old.topic, session, old.key, meta);
  }

  remove(session: object): void {
    const entry = this.bySession.get(session);
    if (entry === undefined) return;
    this.bySession.delete(session);
    this.byClock.delete(entry.clock);
    const byKey = this.byTopic.get(entry.topic);
    byKey?.delete(entry.key);
    if (byKey?.size === 0) this.byTopic.delete(entry.topic);
  }

  list(topic: string): BareEntry<Meta>[] {
    const list: BareEntry<Meta>[] = [];
    for (const entry of this.byTopic.get(topic)?.values() ?? []) list.push(entry);
    return list;
  }

  get(topic: string, key: string): BareEntry<Meta> | undefined {
    return this.byTopic.get(topic)?.get(key);
  }

  count(topic: string): number {
    return this.byTopic.get(topic)?.size ?? 0;
  }
}
