"""The table of data sets, in the order that lists and tables show. It costs no import of torch."""

from bench.registry import DatasetEntry

ENTRIES: tuple[DatasetEntry, ...] = (
    DatasetEntry(
        "digits",
        "datasets.digits:Digits",
        "Handwritten digits, two views",
        "left and right part of an 8x8 image",
        needs_root=False,
    ),
    DatasetEntry(
        "avmnist",
        "datasets.avmnist:AVMNIST",
        "AV-MNIST, digits seen and spoken",
        "image of a digit and spectrogram of a spoken one",
    ),
    DatasetEntry(
        "avmnist-multibench",
        "datasets.avmnist_multibench:AVMNISTMultiBench",
        "AV-MNIST, MultiBench's arrays",
        "image of a digit and spectrogram of a spoken one",
    ),
    DatasetEntry(
        "cremad",
        "datasets.cremad:CREMAD",
        "CREMA-D, emotions heard and seen",
        "spectrogram of a voice and frames of a face",
    ),
    DatasetEntry(
        "modelnet40",
        "datasets.modelnet40:ModelNet40",
        "ModelNet40, shapes from two sides",
        "front and rear view of a shape",
    ),
    DatasetEntry(
        "ave",
        "datasets.ave:AVE",
        "AVE, events heard and seen",
        "spectrogram of an event's sound and frames of it",
    ),
    DatasetEntry(
        "mosei",
        "datasets.mosei:MOSEI",
        "CMU-MOSEI, sentiment in speech",
        "features of words, of a voice and of a face",
    ),
    DatasetEntry(
        "ucf101",
        "datasets.ucf101:UCF101",
        "UCF101, actions seen as pictures and as flow",
        "frames of a clip, and optical flow",
    ),
    DatasetEntry(
        "kinetics_sounds",
        "datasets.kinetics_sounds:KineticsSounds",
        "Kinetics-Sounds, actions heard and seen",
        "spectrogram and frames of an action",
    ),
    DatasetEntry(
        "food101",
        "datasets.food101:Food101",
        "UPMC Food-101, dishes seen and named",
        "photograph of a dish and words of a page's title",
    ),
    DatasetEntry(
        "vggsound",
        "datasets.vggsound:VGGSound",
        "VGGSound, sounds and what makes them",
        "spectrogram of a sound and frames of its source",
    ),
    DatasetEntry(
        "balanced_av",
        "datasets.balanced_av:BalancedAV",
        "BalancedAV, 30 classes heard and seen",
        "spectrogram and frames of a clip",
    ),
    DatasetEntry(
        "features",
        "datasets.features:Features",
        "Your own arrays",
        "any number, from .npz, .npy or .safetensors files",
    ),
)
