/** The errors of this extension. Clients depend on the codes; the messages are sentences for people. */
import { createError, type DirectusErrorConstructor } from '@directus/errors';

export interface Refusal {
  reason: string;
  collection?: string;
  constraint?: string;
}

const refusal = (code: string, status: number): DirectusErrorConstructor<Refusal> =>
  createError<Refusal>(code, ({ reason }) => reason, status);

export const TenantForbidden = refusal('TENANT_FORBIDDEN', 403);
export const ConstraintViolated = refusal('CONSTRAINT_VIOLATED', 400);
export const RowInUse = refusal('ROW_IN_USE', 409);
export const VehicleRequired = refusal('VEHICLE_REQUIRED', 400);
export const VehicleNotAllowed = refusal('VEHICLE_NOT_ALLOWED', 400);
export const CrewRoleNotAllowed = refusal('CREW_ROLE_NOT_ALLOWED', 400);
export const RaceNumberOutOfRange = refusal('RACE_NUMBER_OUT_OF_RANGE', 400);
export const DisciplineLocked = refusal('DISCIPLINE_LOCKED', 409);
export const WindowTooLarge = refusal('WINDOW_TOO_LARGE', 400);
export const NoPositions = refusal('NO_POSITIONS', 400);
export const InvalidTransition = refusal('INVALID_TRANSITION', 409);
export const InputStageNotOfficial = refusal('INPUT_STAGE_NOT_OFFICIAL', 409);
export const NoEligibleEntries = refusal('NO_ELIGIBLE_ENTRIES', 422);
export const NoSegments = refusal('NO_SEGMENTS', 422);
export const StartTimeMissing = refusal('START_TIME_MISSING', 422);
export const PenaltiesProposed = refusal('PENALTIES_PROPOSED', 409);
export const ResultOfficial = refusal('RESULT_OFFICIAL', 409);
export const Unauthorized = refusal('UNAUTHORIZED', 401);
export const Forbidden = refusal('FORBIDDEN', 403);
export const InvalidKey = refusal('INVALID_KEY', 400);
export const InvalidBody = refusal('INVALID_BODY', 400);
export const InvalidQuery = refusal('INVALID_QUERY', 400);
export const RaceNumberTaken = refusal('RACE_NUMBER_TAKEN', 409);
export const EntryNotFound = refusal('ENTRY_NOT_FOUND', 404);
export const NoPreviousEntry = refusal('NO_PREVIOUS_ENTRY', 404);
export const SameEntry = refusal('SAME_ENTRY', 400);
export const CrossOrg = refusal('CROSS_ORG', 403);
export const TargetLocked = refusal('TARGET_LOCKED', 409);
export const CrossEventReference = refusal('CROSS_EVENT_REFERENCE', 400);
export const QueryRefused = refusal('QUERY_REFUSED', 400);
export const CommandNotFound = refusal('COMMAND_NOT_FOUND', 404);
export const CommandAnswered = refusal('COMMAND_ANSWERED', 409);
export const PreviewTooLong = refusal('PREVIEW_TOO_LONG', 503);
