/** A small, made-up staff list: the same on every machine, so that the tour in the README shows what a newcomer sees. */

const givenNames = ['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Grace', 'Hana', 'Ivo', 'Jun', 'Kofi', 'Lena'];
const familyNames = ['Alvarez', 'Berg', 'Costa', 'Dubois', 'Eze', 'Fischer', 'Gupta', 'Haddad', 'Ito', 'Jansen'];
const departments = ['Bakery', 'Delivery', 'Office', 'Shop'];

const header = 'employee_no,name,department,started_on,monthly_salary,full_time';

/** CSV with a header and `count` rows; two of them are flawed on purpose, so that bad rows have something to show. */
export function sampleEmployees(count = 240): string {
  const rows = Array.from({ length: count }, (_, index) => employee(index));
  rows[41] = 'E-0042,"Berg, Lena",Office'; // columns are missing
  rows[97] = 'E-0098,Kofi Eze,Shop,2019-05-02,2450.00,true,unexpected'; // a column too many
  return `${[header, ...rows].join('\n')}\n`;
}

function employee(index: number): string {
  const number = String(index + 1).padStart(4, '0');
  const name = `${givenNames[index % givenNames.length]} ${familyNames[(index * 7) % familyNames.length]}`;
  const started = new Date(Date.UTC(2012 + (index % 13), (index * 5) % 12, 1 + ((index * 11) % 28)));
  const salary = (1_900 + ((index * 137) % 3_200) + 0.5 * (index % 2)).toFixed(2);
  return [
    `E-${number}`,
    name,
    departments[index % departments.length],
    started.toISOString().slice(0, 10),
    salary,
    index % 5 !== 0,
  ].join(',');
}
