/** How an outgoing call may fail to bring an answer. None of the messages holds a path, a query, a header or a body: any may be a secret. */

export type Refusal = 'url' | 'scheme' | 'credentials' | 'host' | 'address' | 'header';

/** The call was not made, and will not be while the configuration is as it is. */
export class OutgoingRefused extends Error {
  constructor(
    readonly refusal: Refusal,
    message: string,
  ) {
    super(message);
    this.name = 'OutgoingRefused';
  }
}

/** The call was tried and brought no whole answer; whether the other side acted on it is not known unless `code` says so (ECONNREFUSED, …). */
export class OutgoingFailed extends Error {
  /** @param code `timeout`, or that of the network error: ECONNREFUSED, ENOTFOUND, UND_ERR_SOCKET, … */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'OutgoingFailed';
  }
}
