/** What went wrong is for the person who runs Carillon to mend: the message says how, and is shown without a stack. */
export class MendableError extends Error {}
