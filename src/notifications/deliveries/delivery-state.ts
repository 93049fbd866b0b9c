/**
 * The states of a delivery and every step between them, as data. A skipped message is `dropped`, with its reason; `failed` has its error.
 * `ambiguous`: it was handed over and no answer came, so it may have arrived; a late answer still settles it.
 */
export const deliveryStates = [
  'planned',
  'held',
  'digesting',
  'sending',
  'sent',
  'delivered',
  'read',
  'failed',
  'dropped',
  'ambiguous',
  'cancelled',
] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const transitions: Readonly<Record<DeliveryState, readonly DeliveryState[]>> = {
  planned: ['sending', 'held', 'digesting', 'dropped', 'failed', 'cancelled'],
  held: ['planned', 'dropped', 'cancelled'],
  digesting: ['planned', 'dropped', 'cancelled'],
  sending: ['sent', 'failed', 'ambiguous', 'planned'],
  sent: ['delivered', 'read', 'failed'],
  delivered: ['read'],
  read: [],
  failed: ['planned'],
  dropped: [],
  ambiguous: ['sent', 'failed', 'planned'],
  cancelled: [],
};

/** The states from which a delivery may come to `to`: the condition of the statement that moves it. */
export const sourcesOf = (to: DeliveryState): DeliveryState[] =>
  deliveryStates.filter((from) => transitions[from].includes(to));
