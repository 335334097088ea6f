import type { Bilingual } from "@/i18n";

/** RFC 9457, as `backend/errors.py` writes it. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  where?: string;
  mend?: Bilingual;
  [extra: string]: unknown;
}

export class Problem extends Error {
  constructor(readonly document: ProblemDocument) {
    super(document.detail);
  }

  get kind(): string {
    return this.document.type.replace("urn:quanji:problem:", "");
  }
}

const UNREACHABLE: ProblemDocument = {
  type: "urn:quanji:problem:unreachable",
  title: "无法连接服务器 Server unreachable",
  status: 0,
  detail: "请求没有到达服务器 / the request did not reach the server",
  mend: { zh: "检查网络后重试", en: "Check the network and try again" },
};

let whenSignedOut: () => void = () => undefined;

/** What to do when the session has ended: the router sets it. */
export function onSignedOut(act: () => void): void {
  whenSignedOut = act;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

async function problemOf(response: Response): Promise<Problem> {
  if (response.headers.get("content-type")?.includes("json")) {
    return new Problem((await response.json()) as ProblemDocument);
  }
  return new Problem({
    type: "urn:quanji:problem:internal",
    title: `HTTP ${String(response.status)}`,
    status: response.status,
    detail: await response.text(),
  });
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const request: RequestInit = { method, credentials: "same-origin" };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Problem(UNREACHABLE);
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.kind === "not_signed_in") whenSignedOut();
    throw problem;
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const api = {
  get: <T>(path: string, query: Query = {}) => call<T>("GET", withQuery(path, query)),
  post: <T>(path: string, body: unknown = {}) => call<T>("POST", path, body),
  patch: <T>(path: string, body: unknown) => call<T>("PATCH", path, body),
  delete: (path: string) => call<undefined>("DELETE", path),
};
