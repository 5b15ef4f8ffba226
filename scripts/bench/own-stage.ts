/** A function of somebody's own, the same for docferry and for the bare loop: it may look at all of a document, and changes none in place. */

/** The same as the pipeline `deep`. */
export const own = {
  name: 'own',
  isPure: true,
  changesInPlace: false,
  apply({ owner: { id, ...owner }, ...document }: Owned): object {
    const address = { ...owner.address, zip: Number(owner.address.zip) }
    return { ...document, owner: { key: id, source: 'bench', ...owner, address } }
  }
}

interface Owned {
  readonly owner: { readonly id: unknown; readonly address: { readonly zip: unknown } }
}
