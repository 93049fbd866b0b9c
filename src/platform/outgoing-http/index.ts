export {
  type HostAddress,
  type Lookup,
  mostRead,
  type OutgoingAnswer,
  OutgoingHttp,
  type OutgoingHttpOptions,
  type OutgoingRequest,
} from './outgoing-http.js';
export { checkHeaders } from './destination.js';
export { OutgoingHttpModule } from './outgoing-http.module.js';
export { retryAfterMs } from './retry-after.js';
export { OutgoingFailed, OutgoingRefused, type Refusal } from './refusals.js';
