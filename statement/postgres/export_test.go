package postgres

// SelectHolds is the query of holds, for tests of its plan.
const SelectHolds = selectHolds
