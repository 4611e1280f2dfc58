// Where a source can be wrong by one step on one line: comparisons, constants, signs, logic, order, statements left out.
import { type ESTree, parseSync, Visitor } from 'rolldown/utils'

export type Kind = 'comparison' | 'constant' | 'arithmetic' | 'logic' | 'order' | 'left out'

/** A fault that can be planted. Offsets count UTF-16 units of the source. */
export interface Site {
  /** Under src/. */
  file: string
  kind: Kind
  /** What is replaced. */
  start: number
  end: number
  replacement: string
  /** The expression or statement around it whose evaluation means that the fault was run through. */
  anchor: Anchor
  /** Whether that happens when the module is loaded. */
  atLoad: boolean
}

export interface Anchor {
  start: number
  end: number
  isStatement: boolean
}

interface Span {
  start: number
  end: number
}

const COMPARISONS: Record<string, string> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
}
const ARITHMETIC: Record<string, string> = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '<<': '>>',
  '>>': '<<',
  '>>>': '>>',
  '&': '|',
  '|': '&',
  '^': '|',
}
const ASSIGNMENTS: Record<string, string> = {
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
  '|=': '&=',
  '&=': '|=',
  '^=': '|=',
  '<<=': '>>=',
  '>>=': '<<=',
  '>>>=': '>>=',
}

/** All faults that can be planted in one source, in the order of the text. */
export function findSites(file: string, source: string): Site[] {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`src/${file}: ${errors[0].message}`)
  const finder = new SiteFinder(file, source)
  new Visitor(finder.visitor()).visit(program)
  return finder.sites.sort((a, b) => a.start - b.start || a.end - b.end)
}

class SiteFinder {
  readonly sites: Site[] = []
  /** Expression statements by their start: an expression that begins one has it for an anchor. */
  private readonly statements = new Map<number, Span>()
  /** Literals that are no values a fault could change: keys, and the 0 of `| 0`. */
  private readonly spared = new Set<Span>()
  private readonly file: string
  private readonly source: string
  private chains = 0
  private functions = 0
  private types = 0

  constructor(file: string, source: string) {
    this.file = file
    this.source = source
  }

  visitor(): ConstructorParameters<typeof Visitor>[0] {
    const enter = (): void => {
      this.functions++
    }
    const leave = (): void => {
      this.functions--
    }
    return {
      TSLiteralType: () => {
        this.types++
      },
      'TSLiteralType:exit': () => {
        this.types--
      },
      FunctionDeclaration: enter,
      'FunctionDeclaration:exit': leave,
      FunctionExpression: enter,
      'FunctionExpression:exit': leave,
      ArrowFunctionExpression: enter,
      'ArrowFunctionExpression:exit': leave,
      ChainExpression: () => {
        this.chains++
      },
      'ChainExpression:exit': () => {
        this.chains--
      },
      Property: ({ key, computed }) => this.spareKey(key, computed),
      PropertyDefinition: ({ key, computed }) => {
        this.spareKey(key, computed)
        enter()
      },
      'PropertyDefinition:exit': leave,
      ExpressionStatement: node => this.expressionStatement(node),
      IfStatement: node => this.ifStatement(node),
      BreakStatement: node => this.add('left out', node, ';', { ...spanOf(node), isStatement: true }),
      ContinueStatement: node => this.add('left out', node, ';', { ...spanOf(node), isStatement: true }),
      BinaryExpression: node => this.binary(node),
      LogicalExpression: node => this.logical(node),
      UnaryExpression: node => this.unary(node),
      UpdateExpression: node => this.update(node),
      AssignmentExpression: node => {
        const other = ASSIGNMENTS[node.operator]
        if (other !== undefined) this.operator('arithmetic', node, other)
      },
      ConditionalExpression: ({ consequent, alternate, ...node }) =>
        this.swap(consequent, alternate, this.anchor(node)),
      CallExpression: node => this.call(node),
      Literal: node => this.literal(node),
    }
  }

  private spareKey(key: Span, computed: boolean): void {
    if (!computed) this.spared.add(key)
  }

  private expressionStatement(node: ESTree.ExpressionStatement | ESTree.Directive): void {
    if (node.directive !== null) return
    this.statements.set(node.start, node)
    this.add('left out', node, 'void 0', { ...spanOf(node), isStatement: true })
  }

  private ifStatement({ test, alternate, ...node }: ESTree.IfStatement): void {
    if (alternate === null && this.isOneLine(node)) this.add('left out', node, ';', this.anchor(test))
    else this.add('left out', test, 'false', this.anchor(test))
  }

  private binary(node: ESTree.BinaryExpression): void {
    const { operator, left, right } = node
    if (operator === '|' && textOf(this.source, right) === '0') {
      this.spared.add(right)
      return
    }
    if (operator === '>>>' && textOf(this.source, right) === '0') this.spared.add(right)
    if (COMPARISONS[operator] !== undefined) this.operator('comparison', node, COMPARISONS[operator])
    else if (ARITHMETIC[operator] !== undefined && !isText(left) && !isText(right))
      this.operator('arithmetic', node, ARITHMETIC[operator])
  }

  private logical(node: ESTree.LogicalExpression): void {
    const { operator, left, right } = node
    const anchor = this.anchor(node)
    if (operator !== '??') this.operator('logic', node, operator === '&&' ? '||' : '&&')
    this.add('left out', node, textOf(this.source, left), anchor)
    this.add('left out', node, textOf(this.source, right), anchor)
  }

  private unary(node: ESTree.UnaryExpression): void {
    const { operator, argument } = node
    if (!['!', '-', '~'].includes(operator)) return
    const kind = operator === '!' ? 'logic' : 'arithmetic'
    this.add(kind, { start: node.start, end: argument.start }, '', this.anchor(node))
  }

  private update(node: ESTree.UpdateExpression): void {
    const { argument, prefix } = node
    const place = prefix ? { start: node.start, end: argument.start } : { start: argument.end, end: node.end }
    this.add('arithmetic', place, node.operator === '++' ? '--' : '++', this.anchor(node))
  }

  private call(node: ESTree.CallExpression): void {
    if (this.chains > 0) return
    const anchor = this.anchor(node)
    const callee = textOf(this.source, node.callee)
    if (callee === 'Math.min') this.add('comparison', node.callee, 'Math.max', anchor)
    if (callee === 'Math.max') this.add('comparison', node.callee, 'Math.min', anchor)
    const [first, second] = node.arguments
    if (second === undefined || callee.startsWith('Math.m')) return
    if (first.type !== 'SpreadElement' && second.type !== 'SpreadElement') this.swap(first, second, anchor)
  }

  private literal(node: Span & { value: unknown; raw: string | null }): void {
    if (this.spared.has(node)) return
    const { raw, value } = node
    const other =
      typeof value === 'boolean' ? String(!value) : typeof value === 'number' ? nextNumber(raw!, value) : null
    if (other !== null) this.add('constant', node, other, this.anchor(node))
    else if (typeof value === 'bigint') this.add('constant', node, `${value + 1n}n`, this.anchor(node))
  }

  private swap(a: Span, b: Span, anchor: Anchor): void {
    const [first, second] = [textOf(this.source, a), textOf(this.source, b)]
    if (first === second) return
    const between = this.source.slice(a.end, b.start)
    this.add('order', { start: a.start, end: b.end }, second + between + first, anchor)
  }

  /** Replaces what stands between the operands. */
  private operator(
    kind: Kind,
    node: Span & { left: Span; right: Span; operator: string },
    other: string,
  ): void {
    const start = this.source.indexOf(node.operator, node.left.end)
    this.add(kind, { start, end: start + node.operator.length }, other, this.anchor(node))
  }

  private add(kind: Kind, { start, end }: Span, replacement: string, anchor: Anchor): void {
    if (this.types > 0 || !this.isOneLine({ start, end })) return
    this.sites.push({ file: this.file, kind, start, end, replacement, anchor, atLoad: this.functions === 0 })
  }

  private anchor(node: Span): Anchor {
    const statement = this.statements.get(node.start)
    return { ...spanOf(statement ?? node), isStatement: statement !== undefined }
  }

  private isOneLine(span: Span): boolean {
    return !textOf(this.source, span).includes('\n')
  }
}

function nextNumber(raw: string, value: number): string {
  return /^0x/i.test(raw) ? `0x${(value + 1).toString(16)}` : String(value + 1)
}

function isText({ type, ...node }: ESTree.Expression | ESTree.PrivateInExpression['left']): boolean {
  return (
    type === 'TemplateLiteral' ||
    (type === 'Literal' && typeof (node as { value?: unknown }).value === 'string')
  )
}

function spanOf({ start, end }: Span): Span {
  return { start, end }
}

function textOf(source: string, { start, end }: Span): string {
  return source.slice(start, end)
}
