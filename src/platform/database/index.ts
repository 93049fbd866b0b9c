export { connectionOptions, openPool } from './connections.js';
export { Database, onCommit, rowsOf, sqlOf, type SqlExecutor, type Transaction } from './database.js';
export { DATABASE_ADDRESS, DatabaseModule } from './database.module.js';
export { migrate, migrateDown, migrationClasses, pendingMigrations } from './migrator.js';
export { FolderInUse } from './embedded/folder-lock.js';
export { openDatabase, type OpenDatabase } from './open-database.js';
export { missingRoles, provision } from './provisioner.js';
export { databaseRoles, type DatabaseRole } from './roles.js';
