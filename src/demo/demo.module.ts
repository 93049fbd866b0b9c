import { Module } from '@nestjs/common';
import { ImportsModule } from '../imports/index.js';
import { OrganizationsModule } from '../organizations/index.js';
import { Demo } from './demo.js';

@Module({ imports: [OrganizationsModule, ImportsModule], providers: [Demo], exports: [Demo] })
export class DemoModule {}
