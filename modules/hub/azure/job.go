package azure

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/db"
	"github.com/usherhq/usher/modules/kernel/fault"
	"github.com/usherhq/usher/modules/kernel/id"
)

const opJob = "azure.Job"

// Types of jobs.
const (
	jobExport = "ExportRegistrations"
	jobCreate = "ImportCreateRegistrations"
	jobUpdate = "ImportUpdateRegistrations"
	jobUpsert = "ImportUpsertRegistrations"
	jobDelete = "ImportDeleteRegistrations"
)

var jobTypes = []string{jobExport, jobCreate, jobUpdate, jobUpsert, jobDelete}

// States of a job.
const (
	jobStarted   = "Started"
	jobRunning   = "Running"
	jobCompleted = "Completed"
	jobFailed    = "Failed"
)

// job is an export or import through blob storage.
type job struct {
	ID        id.ID
	App       string
	Type      string
	State     string
	Output    string // URL of a container, with its signature
	Input     string // URL of a blob; "" for an export
	Progress  float64
	Done      int64 // registrations
	Failed    int64
	Failure   string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// path is where the job's files lie below its container.
func (j *job) path(name string) string { return j.App + "/" + j.ID.String() + "/" + name }

// mode is what an import does to registrations.
func (j *job) mode() hub.BulkMode {
	switch j.Type {
	case jobCreate:
		return hub.Create
	case jobUpdate:
		return hub.Update
	}
	return hub.Upsert
}

// readJob reads a submitted job. Errors: fault.Invalid.
func (s *Service) readJob(data []byte) (job, error) {
	doc, err := parseXML(data)
	if err != nil {
		return job{}, err
	}
	e := doc.inside("NotificationHubJob")
	if e == nil {
		return job{}, fault.E(opJob, fault.Invalid, "the entry holds no NotificationHubJob", nil)
	}
	j := job{Type: e.value("Type"), Output: e.value("OutputContainerUri"), Input: e.value("ImportFileUri"), State: jobStarted}
	if !slices.Contains(jobTypes, j.Type) {
		return j, fault.BadField(opJob, "Type", fmt.Sprintf("%q is no type of job", j.Type), fmt.Sprint("one of ", jobTypes))
	}
	if err := s.cfg.checkBlobURL("OutputContainerUri", j.Output); err != nil {
		return j, err
	}
	if j.Type == jobExport {
		j.Input = ""
		return j, nil
	}
	return j, s.cfg.checkBlobURL("ImportFileUri", j.Input)
}

// submit stores a job and sets it going. Errors: fault.NotFound for an unknown hub.
func (s *Service) submit(ctx context.Context, j *job) error {
	if _, err := s.hub.App(ctx, j.App); err != nil {
		return err
	}
	j.ID = id.New()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		j.CreatedAt, j.UpdatedAt = tx.Now(), tx.Now()
		if err := s.insertJob(ctx, tx, j); err != nil {
			return err
		}
		return tx.Enqueue(jobOf(j.ID))
	})
}

// writeJob writes a job as an Atom entry.
func writeJob(d *document, j job, base string) {
	d.open("entry", "xmlns", nsAtom)
	writeAtomHead(d, base+"/jobs/"+j.ID.String(), j.ID.String(), j.CreatedAt, j.UpdatedAt)
	d.open("content", "type", "application/xml")
	d.open("NotificationHubJob", "xmlns", nsConnect, "xmlns:i", nsInstance)
	d.put("JobId", j.ID.String())
	d.put("Progress", strconv.FormatFloat(j.Progress, 'f', 2, 64))
	d.put("Type", j.Type)
	d.put("Status", j.State)
	d.put("OutputContainerUri", j.Output)
	d.maybe("ImportFileUri", j.Input)
	d.maybe("Failure", j.Failure)
	if j.State == jobCompleted {
		d.open("OutputProperties", "xmlns:d3p1", nsArrays)
		pair(d, "OutputFilePath", j.path(outputFile))
		if j.Type != jobExport {
			pair(d, "FailedFilePath", j.path(failedFile))
		}
		d.close("OutputProperties")
	}
	d.put("CreatedAt", j.CreatedAt.UTC().Format(time.RFC3339Nano))
	d.put("UpdatedAt", j.UpdatedAt.UTC().Format(time.RFC3339Nano))
	d.close("NotificationHubJob")
	d.close("content")
	d.close("entry")
}

// Names of the files a job writes.
const (
	outputFile = "Output.txt"
	failedFile = "Failed.txt"
)

func pair(d *document, name, value string) {
	d.open("d3p1:KeyValueOfstringstring")
	d.put("d3p1:Key", name)
	d.put("d3p1:Value", value)
	d.close("d3p1:KeyValueOfstringstring")
}
