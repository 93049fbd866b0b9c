/** What an error of nodemailer means. `code` alone does not tell: it is EENVELOPE for a 451 and a 550 alike. */
import { isNativeError } from 'node:util/types';
import { type Failure, type FailureClass, wordsOf } from '../provider.js';

/** The parts of nodemailer's errors that are read here. */
export interface SmtpError extends Error {
  code?: string;
  /** Code of the system error underneath. */
  originalCode?: string;
  command?: string;
  response?: string;
  responseCode?: number;
  /** Set by our provider: some of the body had been handed to the connection. */
  bodyStarted?: boolean;
}

export function classifySmtp(error: unknown): Failure {
  return { class: classOf(isNativeError(error) ? error : new Error(wordsOf(error))), message: wordsOf(error) };
}

function classOf(error: SmtpError): FailureClass {
  if (error.responseCode) return classOfReply(error.responseCode, error);
  // no answer: what counts is how far the message had come
  if (error.bodyStarted) return 'ambiguous';
  if (error.code === 'EAUTH' || isCertificateProblem(error)) return 'config';
  return error.code === 'EMESSAGE' || error.code === 'EENVELOPE' ? 'message' : 'transient';
}

function classOfReply(reply: number, { code, command, response }: SmtpError): FailureClass {
  if (reply < 500) return 'transient'; // 421, 450, 451, 452, 454
  if (code === 'EAUTH' || code === 'ETLS' || [530, 534, 535, 538].includes(reply)) return 'config';
  if (![550, 551, 553].includes(reply)) return 'message';
  // RFC 3463: class, subject, detail; subject 1 speaks of the address
  const [, subject] = /^\d{3}[ -]5\.(\d{1,3})\.\d{1,3}\b/.exec(response ?? '') ?? [];
  if (subject !== undefined) return subject === '1' ? 'recipient' : 'message';
  // a server that speaks no enhanced codes says the same by the command it refused
  return command === 'RCPT TO' ? 'recipient' : 'message';
}

/** OpenSSL's words for a certificate that cannot be trusted: a matter of settings, not of time. */
const isCertificateProblem = ({ originalCode, code }: SmtpError) =>
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(originalCode ?? code ?? '');
