// `--rules`: iptables-save, `iptables -S` or `nft list ruleset`, as text or JSON, told apart by content, several in one file or many.
import { FileFault, Remarks } from '../files/file-fault.ts'
import { looksLikeJson, readJsonDocuments } from '../files/json-documents.ts'
import { readIptables } from './iptables.ts'
import { isNft, readItems, readNft } from './nft.ts'
import { looksLikeNft, nftItems } from './nft-text.ts'
import type { Ruleset } from './ruleset.ts'

const EXPECTED = 'expected the output of iptables-save, or of nft list ruleset'

/**
 * Reads one file into `ruleset`.
 * @param path what rules call it
 * @returns what was passed over
 * @throws FileFault for a file that is none of those
 */
export function readRules(path: string, text: string, ruleset: Ruleset): Remarks {
  const remarks = new Remarks()
  let understood = 0
  if (looksLikeJson(text)) {
    for (const document of readJsonDocuments(text)) {
      if (isNft(document)) understood += readNft(path, document, ruleset, remarks)
      else remarks.add(document.line, 'no listing of nft, passed over')
    }
  } else if (looksLikeNft(text)) understood = readItems(path, nftItems(text, remarks), 1, ruleset, remarks)
  else understood = readIptables(path, text, ruleset, remarks)
  if (understood === 0) throw new FileFault(remarks.all[0]?.line ?? 1, `no rules in it, ${EXPECTED}`)
  return remarks
}
