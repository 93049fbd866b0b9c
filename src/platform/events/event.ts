/** Something that happened, written in the transaction in which it happened. */
export interface EventToRaise {
  organizationId: string;
  /** Key of the catalogue, e.g. `job.completed`. */
  type: string;
  severity: 'info' | 'warning' | 'critical';
  data: Record<string, unknown>;
  subject?: { type: string; id: string };
  /** Whom it concerns; without one the event type's audience hears of it. */
  userId?: string | null;
  expiresAt?: Date;
  dedupKey?: string;
  occurredAt?: Date;
}
