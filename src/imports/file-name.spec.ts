import { attachment, datasetName, displayName } from './file-name.js';

describe('file names', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\report.csv', 'report.csv'],
    ['a\u0000b\r\nc.csv', 'abc.csv'],
    ['\u202excod.csv', 'xcod.csv'],
    ['say %22hi%22%0D%0A.csv', 'say "hi"  .csv'],
    ['100%25.csv', '100%25.csv'],
    ['', 'file'],
    ['/', 'file'],
    [undefined, 'file'],
    ['Umsätze 2024 – Köln.csv', 'Umsätze 2024 – Köln.csv'],
  ])('%j is shown as %j', (given, shown) => {
    expect(displayName(given)).toBe(shown);
  });

  it('are cut at 255 characters', () => {
    expect(displayName('😀'.repeat(300)).length).toBeLessThanOrEqual(255);
    expect(displayName(`${'x'.repeat(300)}.csv`)).toHaveLength(255);
  });

  it('lose their ending as the name of a dataset, unless nothing would be left', () => {
    expect(datasetName('report.final.csv')).toBe('report.final');
    expect(datasetName('.csv')).toBe('.csv');
  });

  it('cannot break out of the header of a download', () => {
    expect(attachment('a"\r\nSet-Cookie: x=1; ü.csv')).toBe(
      `attachment; filename="a___Set-Cookie_ x_1_ _.csv"; filename*=UTF-8''a%22%0D%0ASet-Cookie%3A%20x%3D1%3B%20%C3%BC.csv`,
    );
  });
});
