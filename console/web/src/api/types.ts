/** Short names for what the API says; the shapes themselves are generated: `npm run types`. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type CaseList = Schemas["CaseList"];
export type ListedCase = Schemas["ListedCase"];
export type DeadlineBrief = Schemas["DeadlineBrief"];
export type CasePage = Schemas["CasePage"];
export type CaseHead = Schemas["CaseHead"];
export type Flag = Schemas["FlagView"];
export type FlagBrief = Schemas["FlagBrief"];
export type Inspection = Schemas["InspectionView"];
export type Step = Schemas["StepView"];
export type Coverage = Schemas["CoverageView"];
export type Gap = Schemas["GapView"];
export type Recording = Schemas["RecordingView"];
export type Deadline = Schemas["DeadlineView"];
export type SignedRecord = Schemas["RecordView"];
export type Officer = Schemas["OfficerView"];
export type Verdict = Schemas["VerdictView"];

/** Links of `GET /api/recordings/{id}/playback`; a kind is missing when there is no such thing. */
export interface Playback {
  recording_id: string;
  media_kind: string;
  state: string;
  expires_at: string;
  proxy?: string;
  poster?: string;
  thumbnail?: string;
  preview?: string;
  original?: string;
}

export interface Department {
  id: string;
  name: string;
  name_en: string;
}

export type Inbox = Schemas["Inbox"];
export type InboxItem = Schemas["InboxItem"];
export type LooseRecording = Schemas["LooseRecording"];
export type KeptOperation = Schemas["KeptOperation"];
export type Suggestion = Schemas["Suggestion"];
export type EventKind = Schemas["EventKind"];
export type Asked = Schemas["Asked"];
export type Filed = Schemas["Filed"];
export type Conflict = Schemas["ConflictView"];
export type ConflictSide = Schemas["Side"];
export type Conflicts = Schemas["Conflicts"];
