package postgres

// Lists returns the queries of lists, each with the index that serves it.
func Lists() [][2]string {
	return [][2]string{
		{"orders_of_owner", listOfOwner}, {"orders_of_caller", listOfCaller}, {"orders_of_store", listOfStore}, {"orders_of_store", listAll},
	}
}
