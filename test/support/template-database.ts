/** The migrated database that each test file copies. */
export const templateDatabase = 'carillon_template';
