package analytics

// Listen registers what analytics does when a fact arrives. Call it once, before
// the stream is registered or run.
func (s *Service) Listen() {
	s.stream.Listen(s.Windows())
	s.stream.Listen(s.forecastListener())
	for _, l := range s.DetectorListeners() {
		s.stream.Listen(l)
	}
	s.stream.Listen(s.outletListener())
}
