/** A channel turns what is to be said into a message for its medium. Pure: no network, no clock, nothing random. */

/** What is to be said, in no medium's terms yet. Texts are plain; each channel escapes them for its own medium. */
export interface Content {
  /** One line. */
  subject: string;
  paragraphs: readonly string[];
  link?: { label: string; url: string };
}

/** From whom to whom. `deliveryId` makes what identifies the message the same each time it is rendered. */
export interface Envelope {
  deliveryId: string;
  to: string;
  from?: string;
  fromName?: string;
  replyTo?: string;
  /** Right side of the Message-ID. */
  domain: string;
}

export interface Channel<Message = unknown> {
  readonly name: string;
  /** @throws MessageRefused where the envelope or the content cannot be said in this medium */
  render(content: Content, envelope: Envelope): Message;
}

/** The message must not leave as it is; trying again would not help. */
export class MessageRefused extends Error {}

/** A line break in a header would let its author write headers of his own. */
export function oneLine(name: string, value: string): string {
  if (/[\p{Cc}\u2028\u2029]/u.test(value))
    throw new MessageRefused(`${name} contains a line break or a control character`);
  return value;
}
