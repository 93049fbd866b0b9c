/**
 * Gathers what many callers give while a write is in flight, and writes it together: a commit is paid once a batch, and the first
 * caller of a quiet time waits for nobody.
 */
export class Gatherer<Item, Answer> {
  private waiting: { item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];
  private inFlight = 0;
  private scheduled = false;
  private idleListeners: (() => void)[] = [];

  /**
   * @param write answers one value an item, in order; an Answer that is an Error rejects that caller alone
   */
  constructor(
    private readonly write: (items: Item[]) => Promise<(Answer | Error)[]>,
    private readonly options: { maxBatch: number; writers?: number },
  ) {}

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** Resolves once nothing waits and nothing is in flight. */
  async idle(): Promise<void> {
    if (this.waiting.length === 0 && this.inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.idleListeners.push(resolve);
    });
  }

  /** After this turn of the event loop, so that callers who were woken together go together. */
  private schedule(): void {
    if (this.scheduled || this.inFlight >= (this.options.writers ?? 1)) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    const batch = this.waiting.splice(0, this.options.maxBatch);
    if (batch.length === 0) return;
    this.inFlight++;
    try {
      const answers = await this.write(batch.map(({ item }) => item));
      for (const [i, { resolve, reject }] of batch.entries()) {
        const answer = answers[i];
        if (answer instanceof Error) reject(answer);
        else resolve(answer as Answer);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.inFlight--;
      if (this.waiting.length > 0) this.schedule();
      else if (this.inFlight === 0) for (const done of this.idleListeners.splice(0)) done();
    }
  }
}
