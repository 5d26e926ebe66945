package serve

func (s *Server) handleDocs([]byte) error { return nil }
