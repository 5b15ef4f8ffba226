/** What DynamoDB takes of an item, and where each rule comes from. Specs hold them against DynamoDB Local. */

/** Bytes of one item, attribute names included. "Constraints in Amazon DynamoDB, Item size". */
export const maxItemBytes = 409_600

/** Maps and lists inside one another, in an attribute. The guide says 32 levels, of which the innermost scalar is one. */
export const maxContainers = 31

/** Bytes of a partition key and of a sort key. "Constraints, Partition keys and sort keys". */
export const maxHashKeyBytes = 2_048
export const maxRangeKeyBytes = 1_024

/** Bytes of an attribute's name; a key attribute has at most 255. "Constraints, Attributes". */
export const maxNameBytes = 65_535
