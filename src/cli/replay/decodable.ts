// Which captures the program can decode, for who opens them: the link types, and how they are named where one is refused.
import type { OpenOptions } from '../../capture/open/open-reader.ts'
import { supportsLinkType } from '../../packet/encapsulation/decode.ts'
import { namedLinkTypes } from '../../report/text/link-type.ts'

export const DECODABLE: Pick<OpenOptions, 'supportsLinkType' | 'supportedLinkTypes'> = {
  supportsLinkType,
  supportedLinkTypes: namedLinkTypes(),
}
