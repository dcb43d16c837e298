package sales

import "github.com/usherhq/usher/modules/kernel/queue"

// laneSales runs sales' jobs.
const laneSales = "sales"

// QueueLanes are the job lanes sales wants.
func QueueLanes() []queue.Lane {
	return []queue.Lane{{Name: laneSales, Concurrency: 4, Pace: queue.Calm}, {Name: laneMail, Concurrency: 2, Pace: queue.Calm}}
}

// Jobs registers what sales does beside requests: money in and out, waiting lists, the books.
func (s *Service) Jobs(q *queue.Queue) {
	s.paymentJobs(q)
	s.refundAllJobs(q)
	s.waitlistJobs(q)
	s.checkJobs(q)
	s.letterJobs(q)
}
