/** What a probe reads; that it is answered at all is the message. */
export class HealthDto {
  /** @example ok */
  status!: 'ok';
}
