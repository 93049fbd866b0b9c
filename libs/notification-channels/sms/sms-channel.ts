import { type Channel, MessageRefused } from '../channel.js';

export interface SmsMessage {
  /** E.164 */
  to: string;
  from?: string;
  text: string;
}

/** Longer texts are refused by carriers (Twilio: error 21617). */
const maxLength = 1_600;

/** Subject, what it is about and the link, in one text without control characters. */
export const sms: Channel<SmsMessage> = {
  name: 'sms',
  render({ subject, paragraphs, link }, { to, from }) {
    if (!isE164(to))
      throw new MessageRefused(`"${to}" is no phone number in international form, such as +4915112345678`);
    const end = link ? ` ${link.url}` : '';
    const text = [subject, ...paragraphs].join(' – ').replaceAll(/\p{Cc}+/gu, ' ');
    return { to, ...(from && { from }), text: shortened(text, maxLength - end.length) + end };
  },
};

/** E.164: a plus and 8 to 15 digits, the first no zero. */
export const isE164 = (number: string): boolean => /^\+[1-9]\d{7,14}$/.test(number);

const shortened = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
