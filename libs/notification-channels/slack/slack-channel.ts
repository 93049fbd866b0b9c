import { type Channel, type Content, oneLine } from '../channel.js';

/** An incoming webhook's body. */
export interface SlackMessage {
  /** Older webhooks post elsewhere by it; newer ones have their channel built in. */
  channel?: string;
  /** What notifications show, and readers without blocks. */
  text: string;
  blocks: { type: string; text: { type: 'plain_text' | 'mrkdwn'; text: string } }[];
  unfurl_links: false;
  unfurl_media: false;
}

/** Slack's own bounds: a header holds 150 characters, a section 3,000 (docs.slack.dev/reference/block-kit/blocks). */
const bounds = { header: 150, section: 2_900, text: 3_000 };

export const slack: Channel<SlackMessage> = {
  name: 'slack',
  render(content, { to }) {
    const { subject } = content;
    return {
      ...(to && { channel: oneLine('the Slack channel', to) }),
      text: neutral(subject, bounds.text),
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: cut(oneLine('the subject', subject), bounds.header) } },
        ...sections(content).map((text) => ({ type: 'section', text: { type: 'mrkdwn' as const, text } })),
      ],
      unfurl_links: false,
      unfurl_media: false,
    };
  },
};

function sections({ paragraphs, link }: Content): string[] {
  const texts = paragraphs.map((paragraph) => neutral(paragraph, bounds.section));
  // the bar and the bracket would end the address or the label
  if (link)
    texts.push(
      `<${encodeURI(link.url).replaceAll(/[|<>]/g, encodeURIComponent)}|${neutral(link.label, 200).replaceAll('|', '/')}>`,
    );
  return texts;
}

/** Slack reads `<!channel>`, `<@user>` and `<url|text>` only in angle brackets: as entities they are text. */
const neutral = (text: string, length: number) =>
  cut(text, length).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const cut = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
