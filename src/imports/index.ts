import { Dataset } from './dataset.entity.js';
import { Upload } from './upload.entity.js';

export { ImportIntake, type ImportRequest } from './import-intake.js';
export { ImportsModule } from './imports.module.js';

/** TypeORM entities of this room. */
export const importEntities: (new () => object)[] = [Upload, Dataset];
