import { Module } from '@nestjs/common';
import { OrganizationController } from './directory/organization.controller.js';
import { OrganizationRepository } from './directory/organization.repository.js';
import { OrganizationService } from './directory/organization.service.js';
import { UserController } from './users/user.controller.js';
import { UserRepository } from './users/user.repository.js';
import { UserService } from './users/user.service.js';

@Module({
  controllers: [OrganizationController, UserController],
  providers: [OrganizationRepository, OrganizationService, UserRepository, UserService],
  exports: [OrganizationService, UserService],
})
export class OrganizationsModule {}
