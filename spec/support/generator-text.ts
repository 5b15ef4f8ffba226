/** The material of generated documents: prose, chat and Python source. */
import type { Random } from './random.ts'

export const firstNames = [
  'Aïcha',
  'Björn',
  'Chidi',
  'Dolores',
  'Émile',
  'Fatima',
  'Grzegorz',
  'Hà',
  'Iñaki',
  '健一',
  '지우',
  'Łucja',
  'Мария',
  'نور',
  'Zoë'
]
export const lastNames = [
  'Ångström',
  'Brown',
  'Čapek',
  'Díaz',
  'Eriksen',
  'Flanagan',
  'García',
  '山本',
  '김',
  'O’Neill',
  'Петров',
  'Şahin',
  'Nguyễn',
  'Weiß'
]
export const topics = [
  'invoice',
  'weather',
  'contract',
  'travel',
  'release-notes',
  'support',
  'budget',
  'recipe',
  'patent',
  'inbox',
  'meeting',
  'survey'
]
export const roles = ['helper', 'summarizer', 'planner', 'translator', 'reviewer', 'router', 'extractor', 'watcher', 'writer', 'classifier']

const sentences = [
  'Please summarise the attached report in three bullet points.',
  'Here is what I found: revenue grew by 12.5 % to $1,204.50 while costs stayed flat.',
  'I could not open the file — is it perhaps behind the VPN?',
  'Sure! Let me check that for you. 😊',
  'Übersetze bitte den folgenden Absatz ins Deutsche: „Größe ist relativ.“',
  'この文書を要約してください。',
  'Не могли бы вы проверить дату в договоре?',
  'يرجى إرسال الفاتورة قبل نهاية الأسبوع.',
  '请把会议安排在星期三下午三点。',
  'Done ✅ — the ticket has been updated and the customer was told.',
  'The call returned {"status": "ok", "items": []}, so there was nothing to do.',
  'Run `pip install requests` first, then retry with C:\\temp\\in.csv as the input.',
  'That is 1.0 of 2.0 points; see https://example.org/a?b=c&d=%20e for details.',
  'It said "quota exceeded" twice.\nThen it worked.',
  'The family 👩‍👩‍👧‍👦 plan costs 9.99 € a month, ½ of the old one.',
  'Which of the two would you prefer, and why?'
]

const imports = [
  'import json',
  'import re',
  'import asyncio',
  'from datetime import datetime, timedelta',
  'from typing import Any, Dict, List, Optional',
  'import httpx'
]

const functions = [
  (name: string) => `async def ${name}(client, url, retries=3):
    """Fetch a page and return its text, trying again when the server is busy."""
    for attempt in range(retries):
        response = await client.get(url, timeout=30.0)
        if response.status_code == 429:
            await asyncio.sleep(2 ** attempt)
            continue
        response.raise_for_status()
        return response.text
    raise RuntimeError(f"gave up on {url!r} after {retries} attempts")
`,
  (name: string) => `def ${name}(rows: List[Dict[str, Any]], key: str = "amount") -> Dict[str, float]:
    totals: Dict[str, float] = {}
    for row in rows:
        match = re.match(r"^\\s*(\\d+(?:\\.\\d+)?)\\s*(EUR|USD|£)?$", str(row.get(key, "")))
        if not match:
            continue  # not an amount: "n/a", "—", …
        currency = match.group(2) or "USD"
        totals[currency] = totals.get(currency, 0.0) + float(match.group(1))
    return totals
`,
  (name: string) => `def ${name}(text, limit=4000):
    # Keep whole sentences; the model does badly with half ones.
    parts, size = [], 0
    for sentence in re.split(r"(?<=[.!?。])\\s+", text):
        if size + len(sentence) > limit:
            break
        parts.append(sentence)
        size += len(sentence) + 1
    return " ".join(parts) or text[:limit]
`,
  (name: string) => `def ${name}(payload):
\tif isinstance(payload, str):
\t\tpayload = json.loads(payload)
\treturn {k: v for k, v in payload.items() if v is not None and k not in {'_rev', "$meta"}}
`
]

export function sentence(random: Random): string {
  return random.pick(sentences)
}

export function prose(random: Random, count: number): string {
  let text = sentence(random)
  for (let index = 1; index < count; index++) text += ` ${sentence(random)}`
  return text
}

/** Prose of exactly that many ASCII characters, none of which JSON escapes. */
export function plainProse(random: Random, length: number): string {
  let text = ''
  while (text.length < length) text += `The ${random.pick(topics)} ${random.pick(roles)} was asked again and answered at once. `
  return text.slice(0, length)
}

/** The source of an agent: imports, a few helpers and the entry point. */
export function pythonSource(random: Random, helpers: number): string {
  let source = `"""${sentence(random).replaceAll('\\', '/')}"""\n${random.pick(imports)}\n${imports.join('\n')}\n\n\n`
  for (let index = 0; index < helpers; index++) source += `${random.pick(functions)(`step_${index}`)}\n\n`
  return `${source}async def run(input_dict, tools):
    llm = tools["llm"]
    question = input_dict.get("question", "")
    prompt = f"Answer briefly:\\n\\n{question}"
    answer, _ = await llm(prompt, temperature=0.7)
    return {"outputText": answer}
`
}
