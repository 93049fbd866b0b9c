import { type Channel, type Content, type Envelope, MessageRefused, oneLine } from '../channel.js';

export interface EmailMessage {
  from: { address: string; name: string };
  to: string;
  replyTo?: string;
  subject: string;
  text: string;
  html: string;
  /** `<delivery@domain>`: the same for each attempt, so that a mail server or reader can tell a repetition. */
  messageId: string;
  headers: Record<string, string>;
}

/** Plain text and simple HTML of the same content. */
export const email: Channel<EmailMessage> = {
  name: 'email',
  render(content, envelope) {
    if (!envelope.from) throw new MessageRefused('no sender address is configured');
    return {
      from: {
        address: address('from', envelope.from),
        name: oneLine('the name of the sender', envelope.fromName ?? ''),
      },
      to: address('to', envelope.to),
      ...(envelope.replyTo && { replyTo: address('reply-to', envelope.replyTo) }),
      subject: oneLine('the subject', content.subject),
      text: textOf(content),
      html: htmlOf(content),
      messageId: messageIdOf(envelope),
      // RFC 3834: answering machines do not answer; Exchange looks for its own header
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    };
  },
};

/** One address and nothing that could make it two. */
function address(name: string, value: string): string {
  if (!/^[^\s@<>,;"()[\]\\]+@[^\s@<>,;"()[\]\\]+$/.test(oneLine(name, value)))
    throw new MessageRefused(`"${value}" (${name}) is no single email address`);
  return value;
}

const messageIdOf = ({ deliveryId, domain }: Envelope) =>
  `<${oneLine('the delivery', deliveryId)}@${oneLine('the domain', domain)}>`;

function textOf({ paragraphs, link }: Content): string {
  return [...paragraphs, ...(link ? [`${link.label}: ${link.url}`] : [])].join('\n\n') + '\n';
}

function htmlOf({ subject, paragraphs, link }: Content): string {
  const body = paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph).replaceAll('\n', '<br>')}</p>`);
  if (link) body.push(`<p><a href="${escapeHtml(httpUrl(link.url))}">${escapeHtml(link.label)}</a></p>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="font-family:system-ui,sans-serif;line-height:1.5;color:#1c1c1c;max-width:40rem">
${body.join('\n')}
</body></html>
`;
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string) => text.replaceAll(/[&<>"']/g, (character) => entities[character]!);

function httpUrl(url: string): string {
  if (!/^https?:\/\//.test(url)) throw new MessageRefused(`the link "${url}" is no web address`);
  return url;
}
