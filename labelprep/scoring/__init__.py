"""What predictions score beside the confusion matrix: boundaries, single images, intervals. numpy alone."""
