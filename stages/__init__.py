"""The stages in one list, which is the whole pipeline; and the commands that work on images."""

from pipeline.stage import Artifact, Stage
from pipeline.sweep.objective import Metric, Objective
from stages.encode.parameters import EncodeParameters
from stages.evaluate.parameters import EvaluateParameters
from stages.ingest.parameters import IngestParameters
from stages.split.parameters import SplitParameters
from stages.submit.parameters import SubmitParameters
from stages.train.parameters import TrainParameters

STAGES = (
    Stage(
        name="ingest",
        summary="CSV -> validated Parquet",
        function="stages.ingest.ingest:ingest",
        parameters=IngestParameters,
        sources="stages.ingest.sources.find:find_sources",
        not_in_key=("train", "test", "archive", "sample_submission", "kaggle_input"),
        inputs=(),
        outputs=(
            Artifact("ingest/train.parquet", check="stages.ingest.checks:check_train_table"),
            Artifact("ingest/test.parquet", check="stages.ingest.checks:check_test_table"),
            Artifact("ingest/ids.parquet", check="stages.ingest.checks:check_ids"),
            Artifact("ingest/profile.json", check="stages.ingest.checks:check_profile"),
            Artifact("ingest/source.json", check="stages.ingest.checks:check_source"),
            Artifact("ingest/quarantine.parquet", check="stages.ingest.checks:check_quarantine", optional=True),
        ),
    ),
    Stage(
        name="split",
        summary="normalise, divide into training and validation",
        function="stages.split.split:split",
        parameters=SplitParameters,
        inputs=("ingest/train.parquet", "ingest/test.parquet", "ingest/profile.json"),
        outputs=(
            Artifact("split/X_train.npy", check="stages.split.checks:check_pixels"),
            Artifact("split/X_validation.npy", check="stages.split.checks:check_pixels"),
            Artifact("split/X_test.npy", check="stages.split.checks:check_pixels"),
            Artifact("split/labels_train.npy", check="stages.split.checks:check_labels"),
            Artifact("split/labels_validation.npy", check="stages.split.checks:check_labels"),
            Artifact("split/rows_train.npy", check="stages.split.checks:check_rows"),
            Artifact("split/rows_validation.npy", check="stages.split.checks:check_rows"),
            Artifact("split/images.json", check="stages.split.checks:check_images"),
        ),
    ),
    Stage(
        name="encode",
        summary="labels -> one-hot",
        function="stages.encode.encode:encode",
        parameters=EncodeParameters,
        inputs=("split/labels_train.npy", "split/labels_validation.npy"),
        outputs=(
            Artifact("encode/Y_train.npy", check="stages.encode.checks:check_one_hot"),
            Artifact("encode/Y_validation.npy", check="stages.encode.checks:check_one_hot"),
            Artifact("encode/classes.json", check="stages.encode.checks:check_classes"),
        ),
    ),
    Stage(
        name="train",
        summary="the NumPy network",
        function="stages.train.train:train",
        parameters=TrainParameters,
        not_in_key=("processes",),
        inputs=(
            "split/X_train.npy",
            "split/X_validation.npy",
            "split/images.json",
            "encode/Y_train.npy",
            "encode/Y_validation.npy",
            "encode/classes.json",
        ),
        outputs=(
            Artifact("train/model.npz", check="stages.train.checks:check_model"),
            Artifact("train/history.parquet", check="stages.train.checks:check_history"),
            Artifact("train/folds.npy", check="stages.train.checks:check_folds"),
        ),
    ),
    Stage(
        name="evaluate",
        summary="metrics, predictions, report on the validation rows",
        function="stages.evaluate.evaluate:evaluate",
        parameters=EvaluateParameters,
        inputs=(
            "ingest/source.json",  # the metrics say where the data came from
            "train/model.npz",
            "train/history.parquet",
            "train/folds.npy",
            "split/X_train.npy",
            "split/X_validation.npy",
            "split/rows_train.npy",
            "split/rows_validation.npy",
            "encode/Y_train.npy",
            "encode/Y_validation.npy",
            "encode/classes.json",
            "ingest/profile.json",  # the report shows this and the following
            "ingest/receipt.json",
            "split/receipt.json",
            "encode/receipt.json",
            "train/receipt.json",
            "split/images.json",
        ),
        outputs=(
            Artifact("evaluate/metrics.json", check="stages.evaluate.checks:check_metrics"),
            Artifact("evaluate/predictions.parquet", check="stages.evaluate.checks:check_predictions"),
            Artifact("evaluate/confusion.csv", check="stages.evaluate.checks:check_confusion"),
            Artifact("evaluate/report.html", check="stages.evaluate.checks:check_report"),
        ),
    ),
    Stage(
        name="submit",
        summary="a Kaggle submission for the test set",
        function="stages.submit.submit:submit",
        parameters=SubmitParameters,
        inputs=(
            "ingest/ids.parquet",
            "ingest/profile.json",
            "ingest/source.json",  # whether this is the bundled sample, whose answers are known
            "split/X_test.npy",
            "train/model.npz",
        ),
        outputs=(Artifact("submit/submission.csv", check="stages.submit.checks:check_submission"),),
    ),
)

SUBMISSION = "submit/submission.csv"  # what `pipeline run all --submission FILE` copies, and `pipeline score` compares

# name -> the function that runs it; --help shows the first line of its docstring
COMMANDS = {
    "fetch": "stages.commands.fetch.fetch:fetch",
    "model": "stages.commands.model.model:model",
    "predict": "stages.commands.predict.predict:predict",
    "report": "stages.commands.report.report:report",
    "score": "stages.commands.score.score:score",
    "show": "stages.commands.show.show:show",
    "suspects": "stages.commands.suspects.suspects:suspects",
    "upload": "stages.commands.upload.upload:upload",
}

# what `pipeline sweep` compares: the accuracy, as the competition does; docs/sweep.md says why
OBJECTIVE = Objective(
    metrics=(
        Metric("accuracy", "evaluate/metrics.json", highest_is_best=True, interval="accuracy_interval", unit="share"),
        Metric("log_loss", "evaluate/metrics.json", highest_is_best=False),
    ),
    budget="train.epochs",
    folds="train.folds",
    seed="train.seed",
)
